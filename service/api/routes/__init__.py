"""HTTP routes: each module builds one blueprint; shared state is in `service.api.context`."""
