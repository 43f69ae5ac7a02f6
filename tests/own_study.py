"""The text of a module with a study, data, a model and a method of a user's own."""

MINE = """
from rosalind import pruning
from rosalind.config import Condition, Data, Method, Model, Study, Train
from rosalind.data import SOURCES
from rosalind.models.plain import Mlp
from rosalind.pruning import scores

def load(folder):
    splits = SOURCES["digits"](folder)
    return (splits[0][:200], splits[1][:200], *splits[2:])

class Net(Mlp):
    pass

MAGNITUDE = pruning.one_shot(lambda job: scores.magnitude(job))
STUDY = Study(
    data=Data("mine:load", train_limit=100),
    model=Model("mine:Net", 8),
    train=Train(epochs=1),
    methods=(Method("mine:MAGNITUDE", (0.5,)),),
    conditions=(Condition(), Condition("contrast", 1)),
    seeds=(0,),
    controls=(),
    attributions=0,
)
"""
