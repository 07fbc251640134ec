"""The Butler: repositories, images, pipelines, certification, chains and delivery, all behind this room."""
