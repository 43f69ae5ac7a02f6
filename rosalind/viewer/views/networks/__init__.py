"""Views of the page: which networks?"""
