from tests.servers.pg_run import *
from tests.support.servers import *
def test_shop(shop_db, fresh_db, pg16, pg18):
    s, t = shop_db(pg16), fresh_db(pg18)
    rows_ = t.connect().execute('create role shop_app nologin')
    m = Migration(s, t)
    began=time.monotonic()
    v = m.run(lanes=2)
    print("seconds", time.monotonic()-began)
    print(v.reasons, len(v.proofs), v.objects)
    assert v.green
    assert contents(s, all_tables(s)) == contents(t, all_tables(s))
