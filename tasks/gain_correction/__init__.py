"""The correction of the gains: by how much amplifiers have moved against each other since an earlier flat."""
