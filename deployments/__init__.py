"""How calprod runs: profiles, policies, pipelines and service files."""
