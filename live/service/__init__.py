"""Service: a frozen version's decisions and scores over HTTP, each answer logged before it is given."""
