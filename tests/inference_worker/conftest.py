from hypothesis import HealthCheck, settings

# How long an example takes says something about the machine, and nothing about the product.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
