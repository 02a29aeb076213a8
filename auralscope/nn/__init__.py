"""Looking inside networks: capture, deconvolution, and the model that joins them with a front end."""
