"""Retraining: a challenger trained on newer bars, judged beside the frozen champion, and promoted by a written rule."""
