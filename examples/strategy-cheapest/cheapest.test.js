import { testStrategy } from 'flotilla/testing/conformance'
import { cheapest } from './cheapest.js'

testStrategy(cheapest)
