"""The JSON API: `app.py` puts it together, each module has its routes, `views.py` says what each side is shown."""
