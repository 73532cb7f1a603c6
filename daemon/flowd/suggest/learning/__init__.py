"""What follows from what a user did with suggestions: answers, habits, preferences in ranking."""
