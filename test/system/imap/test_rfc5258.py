"""LIST-EXTENDED (RFC 5258), with the hierarchies of its section 5."""
import pytest

from listlines import capabilities, listed

SUB, NONE, SOME, NO = r"\Subscribed", r"\HasNoChildren", r"\HasChildren", r"\NonExistent"
INFO = ["SUBSCRIBED"]


def build(server, boxes, subscribed):
    """A user with these below INBOX; those subscribed need not exist afterwards."""
    c = server.lasting()
    for b in subscribed:
        if b not in boxes:
            c.ok(f"CREATE INBOX.{b}")
        elif f"INBOX.{b}" not in listed(c.ok('LIST "" *')):
            c.ok(f"CREATE INBOX.{b}")
        c.ok(f"SUBSCRIBE INBOX.{b}")
        if b not in boxes:
            c.ok(f"DELETE INBOX.{b}")
    have = listed(c.ok('LIST "" *'))
    for b in boxes:
        if f"INBOX.{b}" not in have:
            c.ok(f"CREATE INBOX.{b}")
    return c


@pytest.fixture(scope="module")
def fruit(shared_server):
    """Examples 1-6."""
    c = build(shared_server,
              ["Fruit", "Fruit.Apple", "Fruit.Banana", "Tofu", "Vegetable", "Vegetable.Broccoli",
               "Vegetable.Corn"],
              ["Fruit.Banana", "Fruit.Peach", "Vegetable", "Vegetable.Broccoli"])
    c.ok("SUBSCRIBE INBOX")
    return c


@pytest.fixture(scope="module")
def foo2(shared_server):
    """Example 9."""
    tree = ["foo2", "foo2.bar1", "foo2.bar2", "baz2", "baz2.bar2", "baz2.bar22", "baz2.bar222",
            "eps2", "eps2.mamba", "qux2.bar2"]
    return build(shared_server, tree, [b for b in tree if b not in ("foo2", "baz2")])


def get(c, command):
    return {n.removeprefix("INBOX.") if n != "INBOX" else n: v
            for n, v in listed(c.ok(command)).items()}


def bare(got):
    """Without what the server says of children unasked."""
    return {n: (v.attributes - {NONE, SOME}, v.childinfo) for n, v in got.items()}


def plain(**names):
    return {n.replace("_", "."): (set(v), None) for n, v in names.items()}


def test_3_advertised(fruit):
    assert {"LIST-EXTENDED", "CHILDREN"} <= capabilities(fruit)


def test_5_example_2_subscribed(fruit):
    """It's also possible for this list to contain the names of mailboxes that
    don't exist."""
    assert bare(get(fruit, 'LIST (SUBSCRIBED) "" *')) == plain(
        INBOX=[SUB], Fruit_Banana=[SUB], Fruit_Peach=[SUB, NO], Vegetable=[SUB],
        Vegetable_Broccoli=[SUB])


def test_5_example_3_children(fruit):
    assert get(fruit, 'LIST () "" INBOX.% RETURN (CHILDREN)') == {
        "Fruit": {SOME}, "Tofu": {NONE}, "Vegetable": {SOME}}


def test_5_example_4_remote(fruit):
    """Nothing is remote here: the same as without it."""
    assert get(fruit, 'LIST (REMOTE) "" INBOX.% RETURN (CHILDREN)') == {
        "Fruit": {SOME}, "Tofu": {NONE}, "Vegetable": {SOME}}


def test_5_example_5_remote_subscribed(fruit):
    assert get(fruit, 'LIST (REMOTE SUBSCRIBED) "" *') == get(fruit, 'LIST (SUBSCRIBED) "" *')


def test_5_example_6_return_subscribed(fruit):
    """It doesn't include LIST response for the non-existent "Fruit/Peach"."""
    assert bare(get(fruit, 'LIST (REMOTE) "" * RETURN (SUBSCRIBED)')) == plain(
        INBOX=[SUB], Fruit=[], Fruit_Apple=[], Fruit_Banana=[SUB], Tofu=[], Vegetable=[SUB],
        Vegetable_Broccoli=[SUB], Vegetable_Corn=[])


def test_5_example_7_patterns(fruit):
    got = get(fruit, 'LIST "" (INBOX "INBOX.Tofu" "INBOX.Fruit.%")')
    assert set(got) == {"INBOX", "Tofu", "Fruit.Apple", "Fruit.Banana"}


def test_5_example_7_overlapping_patterns(fruit):
    """3.3: At most one LIST response should be returned for each mailbox name."""
    got = get(fruit, 'LIST "" (INBOX.Fruit* INBOX.% *)')     # listed() finds doubles
    assert len(got) == 8


def test_5_patterns_with_reference(fruit):
    got = get(fruit, 'LIST INBOX. (Tofu Fruit.%)')
    assert set(got) == {"Tofu", "Fruit.Apple", "Fruit.Banana"}


@pytest.fixture(scope="module")
def foo(shared_server):
    """Example 8."""
    return build(shared_server, ["Foo", "Foo.Bar", "Foo.Baz", "Moo"], ["Foo.Baz"])


def test_5_example_8_children(foo):
    assert get(foo, 'LIST "" INBOX.% RETURN (CHILDREN)') == {"Foo": {SOME}, "Moo": {NONE}}


def test_5_example_8a_not_recursive(foo):
    assert bare(get(foo, 'LIST (SUBSCRIBED) "" *')) == plain(Foo_Baz=[SUB])
    assert get(foo, 'LIST (SUBSCRIBED) "" INBOX.%') == {}


def test_5_example_8a_recursivematch(foo):
    assert bare(get(foo, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" INBOX.%')) == {
        "Foo": (set(), INFO)}


def test_5_example_8a1_parent_subscribed(server):
    c = build(server, ["Foo", "Foo.Bar", "Foo.Baz", "Moo"], ["Foo", "Foo.Baz"])
    assert bare(get(c, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" INBOX.%')) == {
        "Foo": ({SUB}, INFO)}


def test_5_example_8a2_parent_missing(server):
    c = build(server, ["Foo.Baz"], ["Foo.Baz"])
    assert bare(get(c, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" INBOX.%')) == {
        "Foo": ({NO}, INFO)}


def test_5_example_8b_none_subscribed(server):
    c = build(server, ["Foo", "Foo.Bar"], [])
    assert get(c, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" INBOX.%') == {}


def test_5_example_8c_children_not_subscribed(server):
    c = build(server, ["Foo", "Foo.Bar", "Moo"], ["Foo", "Moo"])
    assert get(c, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" INBOX.% RETURN (CHILDREN)') == {
        "Foo": {SOME, SUB}, "Moo": {NONE, SUB}}


def test_5_example_9_recursivematch(foo2):
    """The CHILDINFO extended data item is returned whether or not children
    mailboxes match the canonical LIST pattern."""
    assert bare(get(foo2, 'LIST (RECURSIVEMATCH SUBSCRIBED) "" "INBOX.*2"')) == {
        "foo2": (set(), INFO), "foo2.bar2": ({SUB}, None), "baz2.bar2": ({SUB}, None),
        "baz2.bar22": ({SUB}, None), "baz2.bar222": ({SUB}, None), "eps2": ({SUB}, INFO),
        "qux2.bar2": ({SUB}, None)}


def test_3_5_redundant_childinfo_is_left_out(foo2):
    """Servers SHOULD ONLY return a non-matching mailbox name along with CHILDINFO
    if at least one matching child is not also being returned."""
    got = bare(get(foo2, 'LIST (RECURSIVEMATCH SUBSCRIBED) "" "INBOX.*"'))
    assert "foo2" not in got and "baz2" not in got
    assert got["eps2"] == ({SUB}, INFO) and got["eps2.mamba"] == ({SUB}, None)


def test_5_example_10_subscribed_child_is_no_child(server):
    c = build(server, ["foo"], ["foo.bar"])
    assert set(get(c, 'LIST "" (INBOX.foo INBOX.foo.*)')) == {"foo"}
    assert get(c, 'LIST (SUBSCRIBED) "" INBOX.foo.* RETURN (CHILDREN)') == {
        "foo.bar": {SUB, NO, NONE}}
    assert get(c, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" INBOX.foo RETURN (CHILDREN)') == {
        "foo": ({NONE}, INFO)}


def test_5_example_11_missing_levels(server):
    c = build(server, ["music.rock"], [])
    assert get(c, 'LIST () "" INBOX.%') == {"music": {NO, SOME}}
    assert get(c, 'LIST (REMOTE) "" INBOX.%') == {"music": {NO, SOME}}
    # and as ever without the extension
    assert get(c, 'LIST "" INBOX.%') == {"music": {r"\Noselect", SOME}}


def test_3_select_and_return_options_in_any_order_and_twice(fruit):
    """The client SHOULD NOT specify any option more than once; however, if the
    client does this, the server MUST act as if it received the option only once."""
    one = get(fruit, 'LIST (SUBSCRIBED) "" * RETURN (CHILDREN)')
    assert get(fruit, 'LIST (SUBSCRIBED SUBSCRIBED) "" * RETURN (CHILDREN SUBSCRIBED CHILDREN)') == one


def test_3_1_recursivematch_alone_is_bad(fruit):
    """The server MUST return BAD tagged response in such case."""
    assert fruit.cmd('LIST (RECURSIVEMATCH) "" *').status == "BAD"
    assert fruit.cmd('LIST (REMOTE RECURSIVEMATCH) "" *').status == "BAD"


@pytest.mark.parametrize("args", [
    '(UNKNOWN) "" *', '"" * RETURN (UNKNOWN)', '"" * RETURN', '"" * RETURN ()x', '"" ()',
    '(SUBSCRIBED "" *', '(SUBSCRIBED) "" * RETURN CHILDREN', '(SUBSCRIBED)"" *', '"" (* %'])
def test_6_syntax(fruit, args):
    """A server MUST respond to options it does not recognize with a BAD response."""
    assert fruit.cmd(f"LIST {args}").status == "BAD"


def test_6_empty_options(fruit):
    assert set(get(fruit, 'LIST () "" INBOX.Tofu RETURN ()')) == {"Tofu"}
    assert set(get(fruit, 'list (subscribed) "" inbox.vegetable return (children)')) == set()


def test_6_any_case(fruit):
    assert get(fruit, 'list (subscribed) "" INBOX.Vegetable return (children)') == {
        "Vegetable": {SUB, SOME}}


def test_3_empty_pattern_of_an_extended_list(fruit):
    """Only the basic form has the special request for the delimiter."""
    assert get(fruit, 'LIST "" ("")') == {}
    assert get(fruit, 'LIST "" "" RETURN (CHILDREN)') == {}
    assert fruit.ok('LIST "" ""').untagged == [rb'LIST (\Noselect) "." ""']


def test_3_1_a_subscription_that_one_may_not_see(server):
    """It is subscribed: so it is told, as if it did not exist."""
    owner, c = server.login(server.new_user()), server.login(user := server.new_user())
    owner.ok("CREATE INBOX.shared")
    owner.ok(f"SETACL INBOX.shared {user} lr")
    name = next(n for n in listed(c.ok('LIST "" *')) if n.endswith(".shared"))
    c.ok(f"SUBSCRIBE {name}")
    assert SUB in listed(c.ok('LIST (SUBSCRIBED) "" *'))[name].attributes
    owner.ok(f"DELETEACL INBOX.shared {user}")
    assert listed(c.ok('LIST (SUBSCRIBED) "" *'))[name] == {SUB, NO}


def test_3_altnamespace(make_server):
    """INBOX is beside the others, and what is below it comes with it."""
    srv = make_server({"altnamespace": "yes", "unixhierarchysep": "yes"})
    c = srv.login(srv.new_user())
    for b in ("a", "a/b", "INBOX/x", "INBOX/x/y", "z/z"):
        c.ok(f"CREATE {b}")
    for b in ("INBOX/x/y", "a/b", "z/z"):
        c.ok(f"SUBSCRIBE {b}")
    assert list(listed(c.ok('LIST "" *'))) == ["INBOX", "INBOX/x", "INBOX/x/y", "a", "a/b", "z/z"]
    got = listed(c.ok('LIST "" % RETURN (CHILDREN)'))
    assert got == {"INBOX": {SOME}, "a": {SOME}, "z": {NO, SOME}}
    got = listed(c.ok('LIST (SUBSCRIBED RECURSIVEMATCH) "" %'))
    assert bare(got) == {"INBOX": (set(), INFO), "a": (set(), INFO), "z": ({NO}, INFO)}
    assert bare(listed(c.ok('LIST "" INBOX/%'))) == {"INBOX/x": (set(), None)}


def test_4_children_that_one_may_not_see(server):
    """A server SHOULD NOT set this attribute if there are child mailboxes and the
    user does not have permission to access any of them."""
    owner, c = server.login(server.new_user()), server.login(user := server.new_user())
    owner.ok("CREATE INBOX.top")
    owner.ok("CREATE INBOX.top.secret")
    owner.ok(f"SETACL INBOX.top {user} lr")
    name = next(n for n in listed(c.ok('LIST "" *')) if n.endswith(".top"))
    c.ok(f"SUBSCRIBE {name}")
    assert listed(c.ok('LIST (SUBSCRIBED) "" * RETURN (CHILDREN)'))[name] == {SUB, NONE}


# --- options more than once, patterns that are too long ---

@pytest.mark.parametrize("command", [
    'LIST (SUBSCRIBED SUBSCRIBED) "" *', 'LIST (SUBSCRIBED REMOTE SUBSCRIBED) "" * RETURN (CHILDREN CHILDREN)'])
def test_3_options_twice(fruit, command):
    """"... the server MUST act as if it received the option only once"."""
    assert set(get(fruit, command)) == set(get(fruit, 'LIST (SUBSCRIBED) "" *'))


@pytest.mark.parametrize("n", [1, 7, 8, 9, 300])
def test_3_options_with_lists_twice(fruit, n):
    def entries(first):
        return " ".join(f"/private/vendor/x/{i}" for i in range(first, first + n))
    r = fruit.ok(f'LIST "" INBOX RETURN (METADATA ({entries(0)}) METADATA (/private/comment) METADATA ({entries(n)}))')
    got = r.find(rb"^METADATA INBOX \((.*)\)$").group(1).split()
    assert got[::2] == [b"/private/vendor/x/%d" % i for i in range(n)] + [b"/private/comment"] + [
        b"/private/vendor/x/%d" % i for i in range(n, 2 * n)]


@pytest.mark.parametrize("command", [
    'LIST "" {}', 'LIST "" ({})', 'LIST () "" {}', 'LIST {} *', 'LIST {} {}', 'LIST (SUBSCRIBED) {} %', 'LSUB "" {}'])
def test_3_patterns_that_are_too_long(fruit, command):
    """"If a server doesn't accept a particular pattern, it MUST silently ignore it." """
    assert fruit.ok(command.replace("{}", "x" * 5000)).untagged == []
    assert set(get(fruit, f'LIST "" (INBOX {"x" * 5000} {"%" * 3000})')) == {"INBOX"}
