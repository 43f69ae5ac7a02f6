"""Views of the page: which samples, and why?"""
