"""
The Mercure protocol, 1.0 and the deployed 0.x, over the hub.
"""
