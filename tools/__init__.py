"""What makes the lesson: running notebooks, their committed form, their pages."""
