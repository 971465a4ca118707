"""What people read about a fit: the model card (`model_card`) and one HTML page (`html_report`)."""

from headstart.report.card import model_card
from headstart.report.html import html_report

__all__ = ["html_report", "model_card"]
