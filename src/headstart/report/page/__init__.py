"""How a page looks: its frame, style sheet and script, tables, cards of items, and plots as SVG.

Every function takes plain, untrusted text and returns HTML in which it is escaped. A page of another kind is made of
`elements` (tables, lists, figures), `cards` (items) and the plots, and put into the frame by `document.document`.
"""
