-- Refused by a server that was built without libxml.
select xmlparse(content '<a/>')::text as value
