"""What only the HTML page needs: its style sheet and its charts, without scripts or other files.

The looks of the page go in here; what it says is `headstart.report.content`.
"""
