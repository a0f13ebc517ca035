"""HTTP routes: each module gives one blueprint; what they share lies in `service.api.context`."""
