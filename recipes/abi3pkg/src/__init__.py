from abi3pkg._answer import answer as answer
