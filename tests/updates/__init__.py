"""What an update does to packages: versions of the template, what people did to a package, and Copier between them."""
