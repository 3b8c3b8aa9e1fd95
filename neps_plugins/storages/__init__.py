"""What runs are kept in."""
