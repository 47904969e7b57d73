"""What an update does: versions of the template, what people did to a package, Copier between them."""
