"""Renders small templates with Jinja2 in the environment that transformers makes for chat templates.

    pip install transformers==5.24.0 jinja2==3.1.6 && python make_jinja.py

jinja/snippets.jsonl: one line a template: "source", "variables", and "text" (what it renders to), "raised" (the message of its
own raise_exception) or "error" (the exception that Jinja2 or Python raised). strftime_now tells noon of Friday, 26 July 2024.
"""
import datetime
import json
import pathlib
import re

import jinja2
from transformers.utils import chat_template_utils

HERE = pathlib.Path(__file__).parent


class Noon(datetime.datetime):
    @classmethod
    def now(cls):
        return cls(2024, 7, 26, 12)


VARIABLES = {
    "s": "Hello, Wörld! ", "e": "", "n": 7, "m": -3, "f": 2.5, "z": 0, "t": True, "no": None, "big": 1e20, "small": 1e-7,
    "l": [3, 1, 2], "w": ["b", "A", "c", "a"], "el": [], "d": {"b": 1, "a": [1, "x", None], "items": 5}, "ed": {},
    "m1": [{"role": "user", "content": "Hi", "n": 1}, {"role": "assistant", "content": [{"type": "text", "text": "Yo"}], "n": 2},
           {"role": "user", "content": "Bye"}],
    "q": "it's", "qq": "say \"it's\"", "u": "ß ñ 你好 😀\u200b\x7f", "lines": "one\n two\n\n three", "tag": "<a href='x'>&</a>",
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"x": {"type": "number", "enum": [1, 2.5, None, True]}}}}],
}

# Expressions, each in {{ }}.
EXPRESSIONS = r"""
1 + 2 * 3|(1 + 2) * 3|7 // 2|-7 // 2|7 % 3|-7 % 3|7 % -3|7.5 % 2|7 / 2|8 / 2|2 ** 10|2 ** -1|-2 ** 2|2 ** 3 ** 2|1 - 2 - 3
7 // 0|7 / 0|7 % 0|1.5 // 0.5|-1.5 // 1|1e3|1_000|0x1F|0b101|0o17|1.0|100000000000000000.0|1e-5|big|small|f|f * 2|n / 3|0.1 + 0.2
n ~ f ~ t ~ no ~ missing ~ 'x'|'a' 'b'|'a' + 'b' * 3|3 * 'ab'|[1] + [2]|(1,) + (2, 3)|[0] * 3|'a' + 1|1 + 'a'|[1] + (2,)|no + 1|-t|+f|-s
'\n\t\\\'\"\x41\u00e9\U0001F600\q'|"a'b"|'a"b'|'tab	raw'
1 == 1.0|t == 1|'a' == 'a'|[1, 2] == [1, 2]|(1, 2) == [1, 2]|{'a': 1} == {'a': 1.0}|no == no|missing == missing|missing == no|1 != 2|1 < 2 < 3|3 > 2 > 2|1 < 'a'|'a' < 'b'|'B' < 'a'|'ä' > 'z'|[1, 2] < [1, 3]|no < 1
1 in l|9 in l|9 not in l|'ell' in s|'x' not in s|1 in 'a'|'b' in d|'zz' in d|1 in n|'a' in missing|'a' in no
t and 'x'|e and 'x'|e or 'x'|no or z or 'last'|not e|not not s|not missing|n if t else m|n if no else m|(n if no)|'a' if t else 'b' if t else 'c'|1 or 1 / 0
s|e|n|t|no|l|w|d|el|ed|(1,)|()|(1, 2)|[q, qq]|[u]|{'k': q, 1: 2.0, no: t}|[missing]|missing|[[]]|[no, t, 1.0, 'x']
s.strip()|s.upper()|s.lower()|s.title()|"it's a tEST x1y".title()|s.capitalize()|s.strip('! ')|s.rstrip()|s.lstrip('H')|s.split(', ')|s.split()|'a,b,c'.split(',', 1)|'a,b,c'.rsplit(',', 1)|' a  b '.split()|' a  b c '.split(none, 1)|' a  b c '.rsplit(none, 1)|''.split()|''.split(',')|'a'.split('')
s.startswith('He')|s.startswith(('x', 'He'))|s.endswith('! ')|s.endswith('x')|'abc'.startswith('b', 1)|'abc'.endswith('b', 0, 2)|s.replace('l', 'L')|s.replace('l', 'L', 1)|'abc'.replace('', '-')|'abc'.replace('', '-', 2)|s.find('W')|s.find('zz')|s.rfind('l')|s.index('zz')|s.count('l')|'aaa'.count('aa')|','.join(['a', 'b'])|','.join([1])
'abc'.isalpha()|'12'.isdigit()|'a1'.isalnum()|' '.isspace()|''.isspace()|'aB'.islower()|'ab'.islower()|'AB'.isupper()|'x'.ljust(3) ~ '|'|'x'.rjust(3, '.')|'x'.center(4, '.')|'ab'.center(5, '.')|'7'.zfill(3)|'-7'.zfill(4)|'a-b-c'.partition('-')|'a-b-c'.rpartition('-')|'abc'.partition('x')|'abc'.removeprefix('a')|'abc'.removesuffix('c')|lines.splitlines()|lines.splitlines(true)|'a\r\nb\rc'.splitlines()
'{} and {}'.format(1, 'x')|'{0}{1}{0}'.format('a', 'b')|'{x}'.format(x=3)|'{{}}'.format()|'%s-%s' % (1, 'x')|'%d%%' % 5|'%.2f' % f|'%5d|' % n|'%-5s|' % 'ab'|'%(a)s' % {'a': 1}|'%s' % l|'%s %s' % 1|'%x' % 255|'%r' % 'a'|'%03d' % 7
u.upper()|u.lower()|'ǆ'.title()|'ΑΣ'.lower()|u|length|u[0]|u[-1]|u[2:5]|u[::-1]|u|upper|u|capitalize|'straße'.upper()|u|tojson|[u]|string
s[0]|s[-1]|s[1:3]|s[:-1]|s[::2]|s[5:1]|s[5:1:-1]|s[-3:]|s[99]|s[99:]|l[0]|l[-1]|l[1:]|l[::-1]|l[7]|l['x']|l[0:2][1]|(1, 2, 3)[1:]|d['b']|d.b|d['a'][1]|d.a.1|d.items|d['items']|d.zz|d['zz']|d.zz.y|missing.x|missing['x']|no.x|n.x|l[::0]|l[t]|d[0]
d.get('b')|d.get('zz')|d.get('zz', 9)|d.keys()|d.values()|ed.items()|{'a': 1}.items()|d.keys() | list|{'a': 1}.items() | list|d | items | list|missing | items | list|l | items|d.a.index('x')|l.index(9)|l.count(3)|l.append(4)|d.update({})|d.pop('b')|l.zz|s.zz|s.zz()|s._x|s.__class__|d._x
s | trim|'xxaxx' | trim('x')|n | trim|s | length|l | length|d | length|missing | length|n | length|no | length|l | count|w | join|w | join(', ')|l | join(n)|m1 | join(', ', attribute='role')|missing | join|'abc' | join('-')|w | list|'abc' | list|d | list|no | list
w | map('upper') | list|m1 | map(attribute='role') | list|m1 | map(attribute='n') | list|m1 | map(attribute='n', default=0) | list|['a,b'] | map('replace', ',', ';') | list|m1 | map(attribute='content.0.type') | list|l | map('string') | join|w | map('zz') | list
m1 | selectattr('role', 'equalto', 'user') | list | length|m1 | selectattr('n') | map(attribute='n') | list|m1 | selectattr('n', 'defined') | list | length|m1 | rejectattr('role', 'eq', 'user') | map(attribute='n') | list|m1 | rejectattr('n') | list | length|m1 | selectattr('role', 'in', ['user', 'x']) | list | length|m1 | selectattr('role', '==', 'user') | first|m1 | selectattr('role', 'ne', 'user') | list | length|m1 | selectattr('content', 'string') | list | length|m1 | selectattr('zz') | list|[0, 1, '', 'x'] | select | list|[0, 1, '', 'x'] | reject | list|[1, 2, 3] | select('odd') | list|[1, 2, 3] | reject('odd') | list|[1, 2, 3] | select('gt', 1) | list|[1, 2] | select('zz') | list|m1 | selectattr('role') | length|(m1 | selectattr('zz')) is iterable|'yes' if m1 | selectattr('zz') else 'no'|m1 | selectattr('role') | last
missing | default('x')|e | default('x')|e | default('x', true)|no | default('x')|no | default('x', boolean=true)|missing | d|missing | default(default_value=3)|d.zz | default([])|missing.x | default('y')|l | first|l | last|el | first|el | last|'abc' | first|'abc' | last|d | first|missing | first|no | first
s | upper|s | lower|s | title|'foo-bar (baz) [qux] x_y' | title|"it's 3rd" | title|s | capitalize|s | replace('l', 'L')|s | replace('l', 'L', 1)|n | replace('7', '8')|s | replace(old='H', new='J')|n | string|no | string|l | string|missing | string|t | string|'7' | int|' 7 ' | int|'7.9' | int|'x' | int|'x' | int(3)|'0x1f' | int(base=16)|'1f' | int(0, 16)|f | int|no | int|t | int|'1_0' | int|missing | int|'7' | float|'x' | float|'x' | float(1.5)|n | float|' 1e3 ' | float|no | float|s | safe|tag | escape|tag | e|n | abs|m | abs|f | round|3.5 | round|2.567 | round(2)|2.561 | round(1, 'ceil')|2.569 | round(1, 'floor')|7 | round|'x' | abs
[1, 1, 2, 'a', 'A'] | unique | list|['a', 'A'] | unique(true) | list|m1 | unique(attribute='role') | map(attribute='role') | list|l | sort|w | sort|w | sort(case_sensitive=true)|l | sort(reverse=true)|m1 | sort(attribute='role') | map(attribute='content') | list|[1, 'a'] | sort|l | reverse | list|'abc' | reverse|l | sum|m1[:2] | sum(attribute='n')|l | sum(start=10)|['a'] | sum|l | min|l | max|el | max|w | min|w | max|l | batch(2) | list|l | batch(2, 0) | list|d.keys() | sort|{'b': 2, 'a': 3, 'C': 1} | dictsort|{'b': 2, 'a': 3} | dictsort(by='value')|{'b': 2, 'a': 3} | dictsort(reverse=true)|m1 | groupby('role') | map('first') | list|l | dictsort|{'a': 1} | attr('zz')|'x' | format|'%s=%s' | format('a', 1)|'%(k)s' | format(k=2)
lines | indent|lines | indent(2)|lines | indent(2, true)|lines | indent(2, false, true)|lines | indent('> ')|'' | indent|lines | indent(width=1, first=True)
d | tojson|tools | tojson|tools | tojson(indent=2)|tools | tojson(indent=0)|el | tojson(indent=2)|ed | tojson|[1, 2.0, no, t, 'é', '\n\x01/<'] | tojson|d | tojson(sort_keys=true)|d | tojson(separators=(',', ':'))|u | tojson(ensure_ascii=true)|big | tojson|(1, 2) | tojson|missing | tojson|m1 | map(attribute='role') | tojson|{1: 2, no: 3, t: 4, 1.5: 5} | tojson|s | tojson|small | tojson
missing is defined|s is defined|no is defined|d.zz is defined|missing is undefined|no is none|missing is none|s is string|n is string|d is mapping|l is mapping|l is iterable|s is iterable|n is iterable|d is iterable|missing is iterable|l is sequence|s is sequence|d is sequence|n is sequence|d.keys() is sequence|t is boolean|1 is boolean|n is number|t is number|f is number|s is number|n is integer|t is integer|f is float|t is true|1 is true|z is false|t is not false|no is not none|n is odd|n is even|n is divisibleby 7|n is divisibleby(2)|'abc' is lower|'ABC' is upper|n is eq 7|n is equalto(7)|n is ne 7|n is lt 8|n is gt(8)|n is ge 7|n is le 6|1 is in l|1 is in [2]|9 is not in l|n is sameas n|range is callable|s is callable|'upper' is filter|'zz' is filter|'odd' is test|n is zz|not n is odd|n is odd and t|n is not odd or t|s is string and s | length > 3|missing is odd
range(3) | list|range(1, 4) | list|range(5, 0, -2) | list|range(3)|range(0)|range(200000)|range(1, 2, 0)|range(1.5)|dict(a=1, b='x')|dict([('a', 1)])|dict({'a': 1}, b=2)|namespace(a=1).a|namespace(a=1).b|namespace(_a=1)|strftime_now('%d %b %Y')|strftime_now('%A %H:%M')|raise_exception('No ' ~ n)|raise_exception()|zz()|n()|zz.y()|s.upper|joiner()()|cycler('a', 'b').next()
[*l]|{**d}|dict(**{'a': 1})|range(*[1, 3]) | list|'a' if|l[1|(1|{'a' 1}|'unclosed|1 +|a b|1 is|1 ||  || 'a'.|''|@|1 = 2|a.b.c()|{'a': 1}['a']|{'a': {'b': [1, {'c': 'deep'}]}}.a.b[1].c|[1, 2,]|{'a': 1,}|(1, 2,)|l[0,1]|~1|not|{[1]: 2}|{(1, 2): 3}
s.strip().upper()[::-1] | lower | replace('d', 'D') ~ '!'|(s | trim).split(',')[1] | trim|(l | map('string') | list)[0]|l | sort | first|(l | length) * 2|l | length * 2|'a' ~ 1 + 2|'a' ~ 'b' * 2|- 1 | abs|-3 | abs|(-3) | abs|2 * 3 | string|1 if t else 2 + 3|t and l | length > 2|'x' in w | map('lower') | list|s == 'x' or s.startswith('H') and not e|n == 7 if t else no|[n, m] | max ~ '!'
l and l[0] == 3|m1[0].role == 'user' and m1[0]['content'] is string|m1[-1].content|m1[1].content[0]['text']|m1 | length - 1|m1[1:] | length|m1[0]|m1[0].items() | list|m1[0].keys() | join(',')|m1[2].get('n', 'none')|m1[2].n|m1[2].n is defined|(m1 | last).content|(m1 | first)['role']|m1 | map(attribute='content') | select('string') | list
""".strip("\n")

STATEMENTS = [
    "{% for x in l %}{{ loop.index }}:{{ x }}{% if not loop.last %},{% endif %}{% endfor %}",
    "{% for x in l %}{{ [loop.index0, loop.first, loop.last, loop.length, loop.revindex, loop.revindex0, loop.depth] }}{% endfor %}",
    "{% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {% endfor %}",
    "{% for x in l %}{{ loop.cycle('a', 'b') }}{{ loop.changed(x > 1) }}{% endfor %}",
    "{% for x in l %}{% for y in w %}{{ loop.depth }}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}",
    "{% for x in el %}x{% else %}none{% endfor %}", "{% for x in l if x > 1 %}{{ x }}/{{ loop.length }} {% endfor %}",
    "{% for x in l if x > 9 %}x{% else %}none{% endfor %}", "{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k in d %}{{ k }}{% endfor %}", "{% for k, v in d | items %}{{ k }}:{{ v }};{% endfor %}", "{% for c in 'héy' %}{{ c }}.{% endfor %}",
    "{% for x in missing %}x{% else %}e{% endfor %}", "{% for x in n %}x{% endfor %}", "{% for x in no %}x{% endfor %}",
    "{% for a, b in [(1, 2), [3, 4]] %}{{ a + b }} {% endfor %}", "{% for a, b in [1] %}{% endfor %}", "{% for a, b in [(1, 2, 3)] %}{% endfor %}",
    "{% for (a, b), c in [((1, 2), 3)] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for x in range(10) %}{% if x == 3 %}{% continue %}{% endif %}{% if x == 6 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "{% set x = 1 %}{% for i in l %}{% set x = i %}{{ x }}{% endfor %}{{ x }}", "{% set x = 1 %}{% if t %}{% set x = 2 %}{% endif %}{{ x }}",
    "{% for i in l %}{{ y }}{% set y = i %}{{ y }}{% endfor %}{{ y }}", "{% set x = 5 %}{% for i in l %}{% set x = x + 1 %}{{ x }}{% endfor %}",
    "{% set ns = namespace(n=0, l=[]) %}{% for i in l %}{% set ns.n = ns.n + i %}{% set ns.l = ns.l + [i] %}{% endfor %}{{ ns.n }}{{ ns.l }}",
    "{% set ns = namespace() %}{% set ns.x = 1 %}{{ ns.x }}{{ ns.y }}{{ ns['x'] }}", "{% set d.x = 1 %}", "{% set ns = namespace() %}{% set ns._x = 1 %}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set a = 1, 2 %}{{ a }}", "{% set (a, b) = [3, 4] %}{{ a + b }}", "{% set x %}a{{ n }}b{% endset %}{{ x }}|{{ x | length }}",
    "{% set x | upper | trim %} abc {% endset %}[{{ x }}]", "{% set x %}{% set y = 1 %}{% endset %}{{ y }}",
    "{% macro f(a, b=2, c='x') %}{{ a }}-{{ b }}-{{ c }};{% endmacro %}{{ f(1) }}{{ f(1, 3) }}{{ f(1, c='y') }}{{ f(b=1, a=0) }}{{ f() }}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, 2) }}", "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(z=2) }}", "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, a=2) }}",
    "{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}", "{% macro f(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }}",
    "{% set x = 1 %}{% macro f() %}{{ x }}{{ s }}{% endmacro %}{% set x = 2 %}{{ f() }}", "{% macro f() %}{% set x = 9 %}{{ x }}{% endmacro %}{{ f() }}{{ x }}",
    "{% macro f(x) %}<{{ caller() }}|{{ x }}>{% endmacro %}{% call f(1) %}in{{ n }}{% endcall %}", "{% macro f() %}{{ caller(3) }}{% endmacro %}{% call(v) f() %}v{{ v }}{% endcall %}",
    "{% macro f() %}x{% endmacro %}{{ f().upper() ~ f.name }}", "{% filter upper %}a{{ s }}{% endfilter %}", "{% filter replace('a', 'b') | upper %}aXa{% endfilter %}",
    "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}", "{% with %}{% set q1 = 1 %}{{ q1 }}{% endwith %}{{ q1 }}",
    "{% generation %}a{{ n }}{% set g = 1 %}{% endgeneration %}{{ g }}", "{% if no %}a{% elif e %}b{% elif n %}c{% else %}d{% endif %}", "{% if missing %}a{% else %}b{% endif %}",
    "{% if n == 7 and (s or no) %}y{% endif %}", "{% if not (n == 7) %}y{% endif %}", "{% if missing.x %}{% endif %}", "{# comment #}a{# {{ n }} #}b", "{#- x -#} a {#- y -#} b", "a{# unclosed",
    "{% raw %}{{ n }}{% if %}{% endraw %}", "a {%- raw -%} {{ x }} {%- endraw -%} b", "{% raw %}x", "a\n{% raw %}\n b\n{% endraw %}\nc",
    "a\n  {% if t %}\n  b\n  {% endif %}\nc\n", "a\n  {%- if t %}\n  b\n  {%- endif %}\nc\n\n", "a\n  {% if t -%}\n  b\n  {% endif -%}\nc", "  {{ n }}  \n  {{- n -}}  \n x",
    "a  {% if t %}  b  {% endif %}  c", "{% if t %}\n\nx\n{% endif %}\n", "x\n  {%+ if t %}y{% endif +%}\nz", "a\n\t {# c #}\nb", "a\n {# c +#}\nb", "a\r\nb\rc\n", "\n\n{{ n }}\n\n", "{{ n }}\n", "{{ '\n' }}\n",
    "  {% set x = 1 %}  \n{{ x }}", "{%- for m in m1 %}\n    {{- m.role }}\n{%- endfor %}\n", "{% for m in m1 %}\n    {% if m.content is string %}\n{{ m.content }}\n    {% else %}\n{{ m.content[0].text }}\n    {% endif %}\n{% endfor %}",
    "{{ '{{' }}{{ '%}' }}{{ \"}}\" }}", "{{ {'a': {'b': 1}}['a']['b'] }}", "{{ {'a':{'b':1}} }}", "{ { % n % } } {", "{", "a { b", "{{ n", "{% if t", "{% if t %}", "{% endif %}", "{% for x in l %}{% endif %}", "{% zz %}",
    "{{ raise_exception('Roles must alternate') }}", "{% if n == 7 %}{{ raise_exception('Only ' + s + 'here') }}{% endif %}", "{{ 1 }}{{ raise_exception(n) }}",
    "{% set g = m1 | selectattr('role', 'equalto', 'user') %}{% for x in g %}{{ x.content }}{% endfor %}{% for x in g %}again{% else %}empty{% endfor %}",
    "{% set g = l | map('string') %}{{ g | first }}{{ g | join }}", "{% for m in m1 | selectattr('n') %}{{ loop.index }}{{ loop.last }}{{ loop.length }}{% endfor %}",
    "{% set first = m1[0]['role'] == 'system' %}{% set loop_messages = m1[1:] if first else m1 %}{% for m in loop_messages %}{{ m['role'][0] }}{% endfor %}",
    "{% for m in m1 %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('bad') }}{% endif %}{{ loop.index0 }}{% endfor %}",
    "{% for m in m1 %}{% if m.content is string %}{{ m.content }}{% else %}{% for c in m.content %}{% if c.type == 'text' %}{{ c.text }}{% endif %}{% endfor %}{% endif %}{{ '<eos>' if loop.last else '' }}{% endfor %}",
    "{%- set ns = namespace(found=false) -%}{%- for m in m1[::-1] -%}{%- if m.role == 'assistant' and not ns.found -%}{%- set ns.found = true -%}{{ m.content[0].text }}{%- endif -%}{%- endfor -%}",
    "{% break %}", "{% for x in l %}{% if t %}{% macro f() %}{{ x }}{% endmacro %}{{ f() }}{% endif %}{% endfor %}", "{% set range = 3 %}{{ range }}", "{{ loop }}", "{% for x in l %}{% endfor %}{{ loop is defined }}",
    "{% set x = y = 1 %}", "{% set 1 = 2 %}", "{% set none = 2 %}", "{{ n }}{% include 'x' %}", "{% do l.append(1) %}", "{% print n, m %}", "{{ 1, 2 }}", "{% if 1, 2 %}t{% endif %}",
    "{% for x in 1, 2 %}{{ x }}{% endfor %}", "{% for x in l %}{{ x }}{% else %}{{ loop }}{% endfor %}", "{% set x = l if t else el %}{{ x }}", "{% for i in [1, 2] %}{% for j in [3, 4] if j > i + 1 %}{{ i }}{{ j }} {% endfor %}{% endfor %}",
    "{%- macro t(x) -%}\n  {%- if x is string -%}s{{ x }}\n  {%- elif x is mapping -%}m\n  {%- else -%}o{%- endif -%}\n{%- endmacro -%}\n{{- t('a') }}{{ t({}) }}{{ t(1) }}", "{{ caller }}", "{% call n() %}{% endcall %}",
    "{{ [1, [2, (3,)]] }}", "{% set content = '<think>a</think>b' %}{{ content.split('</think>')[-1].lstrip('\\n') }}|{{ content.split('</think>')[0].split('<think>')[-1] }}",
    "{% for x in l %}{% set _ = x %}{% endfor %}{{ _ }}", "{{ _x }}", "{% if l is iterable and l is not mapping %}list{% endif %}", "{{ (l | length, w | length) | tojson }}",
]


def expressions():
    """Expressions are parted by a bar with no blank before it; a filter's bar has one."""
    for line in EXPRESSIONS.split("\n"):
        for expression in re.split(r"(?<! )\|", line):
            yield "{{ " + expression + " }}"


def rendered(source):
    try:
        return {"text": chat_template_utils._compile_jinja_template(source).render(**VARIABLES)}
    except jinja2.exceptions.TemplateError as error:
        if type(error) is jinja2.exceptions.TemplateError:
            return {"raised": str(error)}
        return {"error": type(error).__name__}
    except Exception as error:
        return {"error": type(error).__name__}


def main():
    chat_template_utils.datetime = Noon
    rows, seen = [], set()
    for source in [*expressions(), *STATEMENTS]:
        result = rendered(source)
        if source in seen or "0x" in result.get("text", ""):  # an address
            continue
        seen.add(source)
        rows.append({"source": source, **result})
    with open(HERE / "jinja" / "snippets.jsonl", "w") as out:
        out.write(json.dumps({"variables": VARIABLES}) + "\n")
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(len(rows), "templates,", sum("error" in row for row in rows), "errors")


if __name__ == "__main__":
    main()
