"""Conversations: agents, their sessions, and the messages of these, kept in a database.

    records   history   ending     pure: what is kept, what of it a model gets, how a reply ended
    tables  migrating  engines  gate  database    SQL: what it is kept in
    agents  sessions   turns       SQL: what is done with it
    archive                        opens the database when it is first needed, and bounds how long it is waited for
    keeper  talk                   a turn: history to the model, text to the client, the reply into the database
    routes  chat_routes            HTTP

Nothing here is loaded by who does not use it: SQLAlchemy takes longer to import than all the rest of the edge.
"""
