"""Views of the page: what happens inside?"""
