"""Reports: a review or a case as one offline HTML page or JSON, a review as Markdown, SARIF or OCSF too.

This room renders a plain document - dicts, lists, strings, numbers - and knows nothing about the store.
So a report can be made again from its JSON alone, and what a page shows is exactly what the JSON holds.
"""
