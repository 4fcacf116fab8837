"""Handlebars templates without code: paths, blocks, comments, escapes; and nothing to call.

    template = parse("Order {{order.id}}{{#if urgent}} (urgent){{/if}}")
    text = render(template, {"order": {"id": 7}}, PlainText()).fill({})

What cannot be rendered here is refused when it is parsed, never silently left empty.
"""
