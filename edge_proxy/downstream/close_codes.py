"""Why a WebSocket of ours is closed: the codes, and the reasons that go with them."""

# RFC 6455, section 7.4.1
GOING_AWAY = 1001
POLICY_VIOLATION = 1008
INTERNAL_ERROR = 1011
UNAUTHORIZED = 3000  # IANA's registry of close codes
REASONS = {
    GOING_AWAY: "The server is shutting down.",
    POLICY_VIOLATION: "Too many frames.",
    INTERNAL_ERROR: "Something went wrong here.",
    UNAUTHORIZED: "A valid API key is needed.",
}
