"""Reports: a review or a case as one offline HTML page, Markdown or JSON.

This room renders a plain document - dicts, lists, strings, numbers - and knows nothing about the store.
So a report can be made again from its JSON alone, and what a page shows is exactly what the JSON holds.
"""
