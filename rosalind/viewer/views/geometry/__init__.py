"""Views of the page: how do two sides differ?"""
