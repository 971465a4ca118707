"""The page of a served model: static files that need no build step and no network.

``files/`` holds one HTML page, one style sheet and modules of JavaScript. All that the page says stands in
``files/words.js``, in English and Chinese; all requests that it makes stand in ``files/server.js``.
"""
