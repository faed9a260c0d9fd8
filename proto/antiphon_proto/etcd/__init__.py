"""The part of etcd's API that Antiphon uses, written from its field numbers; generated code is committed."""
