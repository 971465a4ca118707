"""The appearance of the HTML page: its style sheet and charts, without scripts or other files.

What only the HTML page needs goes in here. Its sentences and tables are in `headstart.report.content`.
"""
