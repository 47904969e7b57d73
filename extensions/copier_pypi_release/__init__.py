"""The tool beside the template: it adopts packages that exist."""
