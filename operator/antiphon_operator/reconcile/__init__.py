"""PURE: an object and what is observed around it become status, Events and etcd records; one module a kind."""
