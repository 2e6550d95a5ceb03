"""The world outside. Each module is the only importer of one foreign library and turns its errors into ours."""
