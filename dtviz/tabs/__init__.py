"""Tabs: the views below the three main ones, each made when it is first looked at."""
