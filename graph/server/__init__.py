"""How it is reached: GraphQL over HTTP, health, and the page."""
