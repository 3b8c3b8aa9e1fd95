"""Finding the configurations at which an acquisition function is highest, whatever the model. Begin with `terms`."""
