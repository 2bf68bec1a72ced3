"""What is kept, and how it changes: the manifest log, vintages, and the public view."""
