"""etcd: which replicas live is read here, what apps declare is written here. Its absence is a state, not an error."""
