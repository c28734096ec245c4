"""A device that follows its fleet's name from Region to Region: it fails over and back by DNS alone."""
