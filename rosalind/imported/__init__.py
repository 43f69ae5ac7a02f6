"""Networks made elsewhere: a callable with its head and provenance, and how to get both from PyTorch."""

from rosalind.imported.pytorch import from_torch
from rosalind.imported.record import Features, Images, Imported, as_array, check, check_types, masks_of, provenance

__all__ = ["Features", "Images", "Imported", "as_array", "check", "check_types", "from_torch", "masks_of", "provenance"]
