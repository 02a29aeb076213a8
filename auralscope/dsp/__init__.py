"""Front ends that compute the input of networks from sound, and the inversion of their images to sound."""
