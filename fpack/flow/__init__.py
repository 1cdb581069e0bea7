"""What a flow declares: steps, parameters, environments, resources, and the graph that they make."""
