"""Thin gRPC and HTTP servicers: they translate, and hold no state beyond their own connections."""
