"""Attribution: from a unit back to the input, by deconvolution and other methods."""
