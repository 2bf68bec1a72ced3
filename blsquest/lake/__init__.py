"""What is kept, and how it changes. No publisher."""
