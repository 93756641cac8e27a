"""HoloViews elements and tables that draw what the analyses return; they compute no weights."""
