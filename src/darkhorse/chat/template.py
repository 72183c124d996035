"""QwQ-32B's chat template: the generation prompt opens `<think>`, history loses its thinking, tools are Hermes style.

The rendering follows the published template of Qwen/QwQ-32B (Apache-2.0) and is tested against it.
"""

from __future__ import annotations

from typing import Any

_TOOLS_HEAD = (
    "# Tools\\n\\nYou may call one or more functions to assist with the user query.\\n\\nYou are provided with "
    "function signatures within <tools></tools> XML tags:\\n<tools>"
)
_TOOLS_TAIL = (
    "\\n</tools>\\n\\nFor each function call, return a json object with function name and arguments within "
    "<tool_call></tool_call> XML tags:\\n<tool_call>\\n"
    '{\\"name\\": <function-name>, \\"arguments\\": <args-json-object>}\\n</tool_call>'
)

QWQ_TEMPLATE = (
    "{%- set has_system = messages and messages[0].role == 'system' -%}\n"
    "{%- if tools -%}\n"
    "{{- '<|im_start|>system\\n' + (messages[0].content if has_system else '') }}\n"
    '{{- "\\n\\n' + _TOOLS_HEAD + '" }}\n'
    "{%- for tool in tools %}{{- '\\n' }}{{- tool | tojson }}{%- endfor %}\n"
    '{{- "' + _TOOLS_TAIL + '<|im_end|>\\n" }}\n'
    "{%- elif has_system -%}\n"
    "{{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}\n"
    "{%- endif -%}\n"
    "{%- for message in messages -%}\n"
    "{%- if message.role == 'user' or (message.role == 'system' and not loop.first) -%}\n"
    "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}\n"
    "{%- elif message.role == 'assistant' -%}\n"
    "{%- set content = message.content or '' -%}\n"
    "{%- if not loop.last -%}{%- set content = content.split('</think>')[-1].lstrip('\\n') -%}{%- endif -%}\n"
    "{{- '<|im_start|>assistant' }}\n"
    "{%- if not message.tool_calls or message.content %}{{- '\\n' + content }}{%- endif -%}\n"
    "{%- for tool_call in message.tool_calls or [] -%}\n"
    "{%- set call = tool_call.function if tool_call.function is defined else tool_call -%}\n"
    '{{- \'\\n<tool_call>\\n{"name": "\' + call.name + \'", "arguments": \' }}{{- call.arguments | tojson }}'
    "{{- '}\\n</tool_call>' }}\n"
    "{%- endfor -%}\n"
    "{{- '<|im_end|>\\n' }}\n"
    "{%- elif message.role == 'tool' -%}\n"
    "{%- if loop.first or messages[loop.index0 - 1].role != 'tool' %}{{- '<|im_start|>user' }}{%- endif -%}\n"
    "{{- '\\n<tool_response>\\n' + message.content + '\\n</tool_response>' }}\n"
    "{%- if loop.last or messages[loop.index0 + 1].role != 'tool' %}{{- '<|im_end|>\\n' }}{%- endif -%}\n"
    "{%- endif -%}\n"
    "{%- endfor -%}\n"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n<think>\\n' }}{%- endif -%}\n"
)


def install_template(tokenizer: Any) -> None:
    """Give a tokenizer QwQ's template, so that `apply_chat_template` renders it in plain Transformers too."""
    tokenizer.chat_template = QWQ_TEMPLATE
