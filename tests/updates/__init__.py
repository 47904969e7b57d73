"""What an update does to packages: versions of the template, users, and Copier between them."""
