"""The control API of sidecars, as the operator asks it: any replica on a store answers for all of its apps."""
